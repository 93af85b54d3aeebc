/** Three keep-alives of 30 s, the longest usual interval of PULL_DATA. */
export const onlineTimeoutMs = 90_000;
