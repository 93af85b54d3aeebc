import { createMetrics } from "../../platform/metrics.ts";
import { readText } from "./markdown.ts";

/** Rows of the table of metrics: name, type, labels, help. The registry knows all but the labels' names. */
export async function metricRows(): Promise<readonly string[]> {
  const source = readText("platform/metrics.ts");
  const described = await createMetrics().registry.getMetricsAsJSON();
  return described.map(({ name, type, help }) => {
    const labels = labelsOf(source, name.replace(/^upchirp_/, "")).map(label => `\`${label}\``);
    return `| \`${name}\` | ${type} |${labels.length > 0 ? ` ${labels.join(", ")} ` : " "}| ${help} |`;
  });
}

function labelsOf(source: string, name: string): readonly string[] {
  // A histogram has a list of buckets before that of labels.
  const [, lists = ""] = new RegExp(`"${name}",\\s*"[^"]*",?\\s*((?:\\[[^\\]]*\\],?\\s*)*)`).exec(source) ?? [];
  return [...lists.matchAll(/"(\w+)"/g)].map(match => match[1] ?? "");
}
