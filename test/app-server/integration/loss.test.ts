import { expect, test } from "vitest";
import { Loss } from "../../../app-server/integration/loss.ts";

test("gives the answer, and keeps nothing of it", async () => {
  const loss = new Loss<string>();
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, number) => loss.or(Promise.resolve(number))));
  expect(answers).toHaveLength(1000);
  expect(answers[7]).toBe(7);
  await expect(loss.or(Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect.poll(() => loss.waiting).toBe(0);
});

test("tells everybody who waits, with the first reason, and those who come later", async () => {
  const loss = new Loss<string>();
  const never = new Promise<number>(() => undefined);
  const waiting = [loss.or(never), loss.or(never)];
  expect(loss.waiting).toBe(2);
  loss.tell("closed");
  loss.tell("something else");
  expect(await Promise.all([...waiting, loss.or(never)])).toEqual(["closed", "closed", "closed"]);
  expect(loss.waiting).toBe(0);
});

test("whoever stops waiting is not told", () => {
  const loss = new Loss<string>();
  const heard: string[] = [];
  loss.when(reason => heard.push(`one ${reason}`))();
  loss.when(reason => heard.push(`two ${reason}`));
  loss.tell("closed");
  expect(heard).toEqual(["two closed"]);
});
