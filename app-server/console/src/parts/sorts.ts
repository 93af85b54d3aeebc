const usualSorts = ["name", "-name", "createdAt", "-createdAt", "updatedAt", "-updatedAt"] as const;
export type UsualSort = (typeof usualSorts)[number];

/** What most lists of the API can be in the order of. */
export const isUsualSort = (text: unknown): text is UsualSort => usualSorts.some(sort => sort === text);
