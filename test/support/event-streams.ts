import { onTestFinished } from "vitest";

/** Opens a stream of Server-Sent Events for the length of the test, and waits until the server serves it. */
export async function connectStream(url: string, headers: Readonly<Record<string, string>>) {
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  const response = await fetch(url, { headers, signal: controller.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended without ${wanted}: ${text}`);
      text += value;
    }
    return text;
  };
  await readUntil(": still here");
  return { response, readUntil, end: () => controller.abort(), ended: async () => (await reader.read()).done };
}
