import Type from "typebox";
import { describe, expect, test } from "vitest";
import { withoutSecrets } from "../../../app-server/api/without-secrets.ts";

const Key = Type.String({ writeOnly: true });

describe("a body in the audit log", () => {
  test("has no member that its schema calls writeOnly, however deep", () => {
    const schema = Type.Object({ name: Type.String(), keys: Type.Object({ appKey: Key }), list: Type.Array(Key) });
    const body = { name: "boiler", keys: { appKey: "00112233" }, list: ["445566"] };
    expect(withoutSecrets(body, schema)).toEqual({
      name: "boiler",
      keys: { appKey: "(hidden)" },
      list: ["(hidden)"],
    });
  });

  test("hides what one branch of a union hides", () => {
    const schema = Type.Object({
      keys: Type.Union([Type.Object({ key: Type.String() }), Type.Object({ key: Key }), Type.Null()]),
    });
    expect(withoutSecrets({ keys: { key: "00112233" } }, schema)).toEqual({ keys: { key: "(hidden)" } });
    expect(withoutSecrets({ keys: null }, schema)).toEqual({ keys: null });
  });

  test("has the beginning of a long text, and how long it was", () => {
    const said = withoutSecrets({ codecScript: "x".repeat(5000) }, Type.Object({ codecScript: Type.String() }));
    expect(said).toEqual({ codecScript: `${"x".repeat(1000)}... (5000 characters)` });
  });
});
