import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npx vite app-server/console` serves the sources, with the API of a server on port 8080 behind them.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: { target: "es2022", chunkSizeWarningLimit: 1200 },
  server: { proxy: { "/api": { target: "http://localhost:8080", ws: true } } },
});
