import type { DecodeInput, DecodeOutcome, EncodeOutcome } from "../ports.ts";

/** Shorter values say nothing that is worth hiding, and would be found in every other word. */
const shortestSecret = 6;

/**
 * Values of variables may be secrets (keys, access tokens), so what a script says in words does not repeat them: its errors
 * and warnings reach `log` events and logs. What it puts into its data is its own business. A traced run is seen by nobody
 * but the one who gave the variables.
 */
export function withoutSecrets<Outcome extends DecodeOutcome | EncodeOutcome>(
  outcome: Outcome,
  { variables, isTraced }: Pick<DecodeInput, "variables" | "isTraced">,
): Outcome {
  const secrets = Object.values(variables)
    .filter(value => value.length >= shortestSecret)
    // The longer first: a secret may begin with another.
    .sort((a, b) => b.length - a.length);
  if (isTraced || secrets.length === 0) return outcome;
  const hide = (text: string): string => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, "***"), text);
  if (outcome.kind === "failed") {
    return { ...outcome, message: hide(outcome.message), ...(outcome.errors && { errors: outcome.errors.map(hide) }) };
  }
  const warnings = outcome.warnings.map(hide);
  if (outcome.kind === "encoded" || outcome.normalized === undefined) return { ...outcome, warnings };
  const { normalized } = outcome;
  return {
    ...outcome,
    warnings,
    normalized:
      normalized.kind === "failed"
        ? { ...normalized, message: hide(normalized.message) }
        : { ...normalized, warnings: normalized.warnings.map(hide) },
  };
}
