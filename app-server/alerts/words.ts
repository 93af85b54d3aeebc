import type { Alert, UntoldAlert } from "../alert-ports.ts";
import { alertDefinitions } from "../alert-rule-ports.ts";

/** The alert as integrations and the API tell it, with what to do about it. */
export function alertBody(alert: Alert) {
  const { subjectType, subject, subjectName, tenantId: _tenant, applicationId: _application, ...rest } = alert;
  const { title, measures, whatToDo } = alertDefinitions[alert.kind];
  return { ...rest, subject: { type: subjectType, id: subject, name: subjectName }, title, measures, whatToDo };
}

/** One line for people, of one alert or of several of a kind. */
export function alertSentence({ alert, transition }: UntoldAlert, others = 0): string {
  const { title } = alertDefinitions[alert.kind];
  const name = alert.subjectName === "" ? alert.subject : `${alert.subjectName} (${alert.subject})`;
  const more = others === 0 ? "" : ` and ${others} more`;
  return transition === "raised" ? `${title}: ${name}${more}` : `Over: ${title.toLowerCase()}: ${name}${more}`;
}
