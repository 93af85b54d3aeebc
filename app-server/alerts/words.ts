import type { Alert, UntoldAlert } from "../alert-ports.ts";
import { alertDefinitions, toldAlert } from "../alert-rule-ports.ts";

/** As integrations tell it, which say elsewhere whose it is. */
export function alertBody(alert: Alert) {
  const { tenantId: _tenant, applicationId: _application, ...body } = toldAlert(alert);
  return body;
}

/** One line for people, of one alert or of several of a kind. */
export function alertSentence({ alert, transition }: UntoldAlert, others = 0): string {
  const { title } = alertDefinitions[alert.kind];
  const name = alert.subjectName === "" ? alert.subject : `${alert.subjectName} (${alert.subject})`;
  const more = others === 0 ? "" : ` and ${others} more`;
  return transition === "raised" ? `${title}: ${name}${more}` : `Over: ${title.toLowerCase()}: ${name}${more}`;
}
