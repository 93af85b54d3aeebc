import fc from "fast-check";
import Type from "typebox";
import { expect, test } from "vitest";
import { jsonList, jsonTexts } from "../../platform/json-list.ts";
import { testSql } from "../support/postgres.ts";

const TextsRow = Type.Object({ texts: Type.Array(Type.String()) });

test("any texts of JSON come to the database one by one as they were", async () => {
  const sql = await testSql();
  const value = fc.oneof(
    fc.jsonValue({ stringUnit: "binary" }),
    fc.constant("\u001e"),
    fc.constant('"\\{},\u0000\ud800'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 8 }), async values => {
      const texts = values.map(one => JSON.stringify(one));
      const rows = await sql.rows(TextsRow, `select ${jsonTexts("$1")} as texts`, [jsonList(texts)]);
      expect(rows).toEqual([{ texts }]);
    }),
  );
});
