import type { GatewayId } from "../../lorawan/ids.ts";
import type { Reception } from "../gateway/types.ts";

/** What is kept of a frame whose copies have been collected. */
export interface HeardFrame {
  /** See `latin1` in dedup.ts. */
  readonly key: string;
  readonly firstAtUs: number;
  readonly copies: readonly Pick<Reception, "gatewayId" | "counterUs">[];
}

export type TakeCopy = (copy: Reception) => void;

/** How long a frame is remembered at least, so that a late copy is not taken for a new frame. */
const memoryUs = 10_000_000;
/** Under a flood the memory is shorter: so many frames, or twice as many, are kept at most. */
const maxRemembered = 250_000;

/**
 * Frames of the last ten to twenty seconds. There are tens of thousands, so that each is a text and a few numbers in long lists:
 * objects of their own would be most of what a collection of the heap has to look at.
 */
export class FrameMemory {
  #recent = new Generation();
  #older = new Generation();
  #rotatedAtUs: number;

  constructor(nowUs: number) {
    this.#rotatedAtUs = nowUs;
  }

  /** Lets go what is old by now. */
  rotate(nowUs: number): void {
    if (nowUs - this.#rotatedAtUs < memoryUs && this.#recent.size < maxRemembered) return;
    this.#older = nowUs - this.#rotatedAtUs < 2 * memoryUs ? this.#recent : new Generation();
    this.#recent = new Generation();
    this.#rotatedAtUs = nowUs;
  }

  /** In the place of what was known of a frame of the same bytes. */
  add(frame: HeardFrame): RememberedFrame {
    return this.#recent.add(frame);
  }

  find(key: string): RememberedFrame | undefined {
    return this.#recent.find(key) ?? this.#older.find(key);
  }
}

class Generation {
  readonly #places = new Map<string, number>();
  readonly #gateways = new Map<GatewayId, number>();
  readonly takers = new Map<number, TakeCopy>();
  /** By place. */
  readonly firstAtUs: number[] = [];
  /** By place: where its copies begin in `heard`; they end where those of the next place begin. */
  readonly #heardFrom: number[] = [];
  /** Gateway, its counter, and so on. */
  readonly #heard: number[] = [];

  get size(): number {
    return this.#places.size;
  }

  add({ key, firstAtUs, copies }: HeardFrame): RememberedFrame {
    const place = this.firstAtUs.length;
    this.firstAtUs.push(firstAtUs);
    this.#heardFrom.push(this.#heard.length);
    for (const { gatewayId, counterUs } of copies) this.#heard.push(this.#numberOf(gatewayId), counterUs);
    this.#places.set(key, place);
    return new RememberedFrame(this, place);
  }

  find(key: string): RememberedFrame | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : new RememberedFrame(this, place);
  }

  counterOf(place: number, gatewayId: GatewayId): number | undefined {
    const gateway = this.#gateways.get(gatewayId);
    if (gateway === undefined) return undefined;
    const end = this.#heardFrom[place + 1] ?? this.#heard.length;
    for (let at = this.#heardFrom[place] ?? end; at < end; at += 2) {
      if (this.#heard[at] === gateway) return this.#heard[at + 1];
    }
    return undefined;
  }

  #numberOf(gatewayId: GatewayId): number {
    const known = this.#gateways.get(gatewayId);
    if (known !== undefined) return known;
    const number = this.#gateways.size;
    this.#gateways.set(gatewayId, number);
    return number;
  }
}

/** A frame where it is remembered; to be used at once, and not kept. */
export class RememberedFrame {
  readonly #generation: Generation;
  readonly #place: number;

  constructor(generation: Generation, place: number) {
    this.#generation = generation;
    this.#place = place;
  }

  get firstAtUs(): number {
    return this.#generation.firstAtUs[this.#place] ?? 0;
  }

  /** The gateway's own counter, in us, when it heard the frame; undefined of one that did not. */
  counterOf(gatewayId: GatewayId): number | undefined {
    return this.#generation.counterOf(this.#place, gatewayId);
  }

  /** Who wants further copies. */
  get taker(): TakeCopy | undefined {
    return this.#generation.takers.get(this.#place);
  }

  giveCopiesTo(take: TakeCopy): void {
    this.#generation.takers.set(this.#place, take);
  }
}
