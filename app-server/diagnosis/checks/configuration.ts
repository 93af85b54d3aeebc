import type { Facts } from "../facts.ts";
import { type Check, finding } from "../words.ts";

/** What is set up here, before anything is heard. */
export const configurationCheck: Check = {
  name: "configuration",
  found: ({ device, profile, hasRootKeys, session }) =>
    [
      device.isDisabled ? "disabled" : "enabled",
      `${profile.region}, LoRaWAN ${profile.macVersion}`,
      profile.supportsOtaa
        ? `joins over the air, root keys ${hasRootKeys ? "stored" : "missing"}`
        : "personalised (ABP)",
      session ? `session under ${session.devAddr}` : "no session",
    ].join("; "),
  findings: facts => [...disabled(facts), ...withoutKeys(facts), ...withoutSession(facts)],
};

const disabled = ({ device }: Facts) =>
  device.isDisabled
    ? [
        finding(
          "device_disabled",
          "error",
          "The device is disabled here: whatever it sends is not accepted.",
          [],
          ["Enable the device, if it is meant to work."],
        ),
      ]
    : [];

const withoutKeys = ({ profile, hasRootKeys, session }: Facts) =>
  profile.supportsOtaa && !hasRootKeys && session === undefined
    ? [
        finding(
          "no_root_keys",
          "error",
          "No root keys are stored for the device, so that it cannot join.",
          [],
          ["Enter the AppKey of its label (LoRaWAN 1.1: NwkKey and AppKey)."],
        ),
      ]
    : [];

const withoutSession = ({ profile, session }: Facts) =>
  !profile.supportsOtaa && session === undefined
    ? [
        finding(
          "no_session",
          "error",
          "The device's profile says that it is personalised (ABP), and it has not been activated here.",
          [],
          [
            "Activate it with the DevAddr and session keys that it was built with.",
            "If it joins over the air, choose a profile that allows it.",
          ],
        ),
      ]
    : [];
