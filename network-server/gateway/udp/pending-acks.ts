import type { GatewayId } from "../../../lorawan/ids.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { TransmissionOutcome } from "../types.ts";

export interface Answer {
  readonly outcome: TransmissionOutcome;
  /** False: the time ran out, or the server stops. */
  readonly acknowledged: boolean;
  readonly waitedMs: number;
}

/** Transmissions that wait for their TX_ACK, found by gateway and token. */
export interface PendingAcks {
  /** A token that no other transmission of this gateway waits under; undefined when every one is taken. */
  freeToken(gatewayId: GatewayId, wanted: number): number | undefined;
  /** Resolves with `otherwise` after `timeoutMs` without an answer. */
  wait(gatewayId: GatewayId, token: number, timeoutMs: number, otherwise: TransmissionOutcome): Promise<Answer>;
  /** False when nothing waits under this token. */
  answer(gatewayId: GatewayId, token: number, outcome: TransmissionOutcome): boolean;
  /** Everything that waits gets its `otherwise`. */
  giveUp(): void;
}

interface Waiting {
  readonly finish: (outcome: TransmissionOutcome | undefined) => void;
}

export function createPendingAcks(clock: Clock): PendingAcks {
  const waiting = new Map<string, Waiting>();
  const keyOf = (gatewayId: GatewayId, token: number): string => `${gatewayId}${token}`;
  return {
    freeToken(gatewayId, wanted) {
      for (let step = 0; step < 0x10000; step += 1) {
        const token = (wanted + step) & 0xffff;
        if (!waiting.has(keyOf(gatewayId, token))) return token;
      }
      return undefined;
    },
    wait(gatewayId, token, timeoutMs, otherwise) {
      const key = keyOf(gatewayId, token);
      const startUs = clock.monotonicUs();
      return new Promise(resolve => {
        const finish: Waiting["finish"] = outcome => {
          cancel();
          waiting.delete(key);
          const waitedMs = (clock.monotonicUs() - startUs) / 1000;
          resolve({ outcome: outcome ?? otherwise, acknowledged: outcome !== undefined, waitedMs });
        };
        const cancel = clock.after(timeoutMs, () => finish(undefined));
        waiting.set(key, { finish });
      });
    },
    answer(gatewayId, token, outcome) {
      const entry = waiting.get(keyOf(gatewayId, token));
      entry?.finish(outcome);
      return entry !== undefined;
    },
    giveUp() {
      for (const entry of [...waiting.values()]) entry.finish(undefined);
    },
  };
}
