export const deviceRoutes = [] as const;
