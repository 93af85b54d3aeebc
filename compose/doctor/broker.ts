import { randomBytes } from "node:crypto";
import mqtt from "mqtt";
import { readPem } from "../../platform/pem-file.ts";
import type { Config } from "../config.ts";
import { answerMs, type DoctorCheck, ill, messageOf, type Outcome, type Patient, well } from "./examination.ts";

/** Whether the broker outside lets this server in. */
export const brokerCheck: DoctorCheck = {
  name: "MQTT broker",
  async run({ config, roles }: Patient): Promise<Outcome> {
    const { external, broker } = config.appServer.mqtt;
    if (!roles.has("app-server")) return well("no application server here");
    if (!external) return well(broker.enabled ? "inside" : "none");
    try {
      await connectOnce(external);
      return well(`${external.url} lets this server in`);
    } catch (error) {
      const whatToDo = [
        "See that it runs, and that url, username and password of appServer.mqtt.external are right.",
        "With mqtts:// see that caFile has its authority, and that the certificate is for the name in the url.",
      ];
      const summary = `The broker at ${external.url} cannot be used: ${messageOf(error)}.`;
      return {
        found: "does not let this server in",
        findings: [ill("error", "broker_unreachable", summary, whatToDo)],
      };
    }
  },
};

/** Under a name of its own: that of the server would end the server's own connection. */
async function connectOnce(external: NonNullable<Config["appServer"]["mqtt"]["external"]>): Promise<void> {
  const { url, username, password, caFile, certificateFile, keyFile } = external;
  const option = "appServer.mqtt.external";
  const client = mqtt.connect(url, {
    clientId: `upchirp-doctor-${randomBytes(4).toString("hex")}`,
    clean: true,
    connectTimeout: answerMs,
    reconnectPeriod: 0,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(caFile !== undefined && { ca: readPem(`${option}.caFile`, caFile) }),
    ...(certificateFile !== undefined && { cert: readPem(`${option}.certificateFile`, certificateFile) }),
    ...(keyFile !== undefined && { key: readPem(`${option}.keyFile`, keyFile) }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
      client.once("close", () => reject(new Error("it closed the connection, or did not answer")));
    });
  } finally {
    await client.endAsync(true);
  }
}
