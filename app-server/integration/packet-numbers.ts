import { writeToStream } from "mqtt-packet";

/**
 * From now on packets make the two bytes of a number when they need them. mqtt-packet keeps a buffer for each of 65,536 otherwise,
 * which the garbage collector has to look at each time.
 */
export function makeNumbersWhenNeeded(): void {
  writeToStream.cacheNumbers = false;
}
