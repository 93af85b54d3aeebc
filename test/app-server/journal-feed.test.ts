import { expect, test } from "vitest";
import { createJournalFeed } from "../../app-server/journal-feed.ts";
import type { JournalNews } from "../../app-server/journal-ports.ts";
import type { ApplicationEvent } from "../../app-server/ports.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { applicationId, deviceInfo, randomDevEui } from "./support/fixtures.ts";

test("who listens again after everybody was gone is told of events, as often as that happens", async () => {
  const clock = createVirtualClock();
  const delivered = new Set<(event: ApplicationEvent) => void>();
  const { feed } = createJournalFeed({
    feed: {
      subscribe(listener) {
        delivered.add(listener);
        // What a set says of it is of no interest to anybody.
        return () => delivered.delete(listener);
      },
    },
    keyOf: event => event.json,
    clock,
  });
  const ids = { tenantId: deviceInfo.tenantId, applicationId, devEui: randomDevEui() };
  for (const json of ["1", "2", "3"]) {
    const told: JournalNews[] = [];
    const stop = feed.subscribe(news => told.push(news));
    for (const tell of delivered) tell({ kind: "up", json, ...ids });
    await clock.advance(2000);
    expect(told).toMatchObject([{ kind: "early", key: json }]);
    stop();
    expect(delivered.size).toBe(0);
  }
});
