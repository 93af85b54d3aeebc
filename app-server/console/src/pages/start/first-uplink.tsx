import { Button, Code, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useStream } from "../../api/live.ts";
import { type Members, membersOf, numberOfMember, textOfMember } from "../../api/members.ts";
import { bestReception, receptionsOf } from "../../api/radio.ts";
import { JsonView } from "../../parts/json-view.tsx";
import { PageLink } from "../../parts/links.tsx";
import { DiagnosisNote } from "../devices/diagnosis.tsx";
import { DeviceStream, useDeviceEvents } from "../devices/events.tsx";
import { sessionQuery } from "../devices/session-query.ts";
import type { Progress } from "./steps.ts";
import { StepEnd, Waiting } from "./waiting.tsx";

export interface FirstUplinkProps {
  readonly devEui: string;
  readonly gatewayId: string;
  readonly onGo: (part: Progress) => void;
}

/** Waits for the device to join and to say something; tells of each frame of it that is heard meanwhile. */
export function FirstUplink(props: FirstUplinkProps) {
  const [, setEvents] = useState(0);
  return (
    <DeviceStream devEui={props.devEui} onEvent={() => setEvents(count => count + 1)}>
      <Waits {...props} />
    </DeviceStream>
  );
}

const pollMs = 3_000;

function Waits({ devEui, onGo }: FirstUplinkProps) {
  const session = useQuery({ ...sessionQuery(devEui), refetchInterval: pollMs });
  const { events } = useDeviceEvents(devEui, { kinds: ["up", "join"], limit: 20 });
  const last = useLastFrame(devEui);
  const uplink = events.find(({ kind }) => kind === "up");
  const joined = session.data != null || events.length > 0;
  return (
    <>
      <Waiting
        title={joined ? "The device has a session." : "Waiting for the device to join"}
        isThere={joined}
        checks={[
          "Switch the device on, near the gateway but not right beside it. Many try again only after minutes, or when a button is pressed.",
          "DevEUI, JoinEUI and AppKey have to be those of this device, digit for digit.",
          <>
            The gateway has to be of the device's region, and{" "}
            <PageLink to="/gateways" underline="always">
              be online
            </PageLink>
            .
          </>,
        ]}
      >
        {!joined && last !== undefined && <Text size="sm">{last}</Text>}
      </Waiting>
      {joined && (
        <Waiting
          title={uplink === undefined ? "Waiting for its first reading" : "It has said something."}
          isThere={uplink !== undefined}
          checks={[
            "Most devices send soon after they have joined; some wait for their interval, or for a button.",
            "One that joins again and again does not hear the answer: it may be too far from the gateway.",
          ]}
        >
          {uplink === undefined ? (
            last !== undefined && <Text size="sm">{last}</Text>
          ) : (
            <Reading content={uplink.content} />
          )}
        </Waiting>
      )}
      {uplink === undefined && <DiagnosisNote devEui={devEui} />}
      <StepEnd>
        <Button onClick={() => onGo({ step: 6 })} variant={uplink === undefined ? "default" : "filled"}>
          {uplink === undefined ? "Continue without it" : "Continue"}
        </Button>
        <PageLink to="/devices/$devEui" params={{ devEui }} search={{ tab: "live" }} size="sm">
          Its frames
        </PageLink>
      </StepEnd>
    </>
  );
}

/** The last frame of the device that was heard, in words; also of one that was refused. */
function useLastFrame(devEui: string): string | undefined {
  const [frame, setFrame] = useState<Members>();
  useStream(`/api/devices/${devEui}/frames/stream`, ({ kind, content }) => {
    if (kind === "up" || kind === "down") setFrame(membersOf(content));
  });
  if (frame === undefined) return undefined;
  const { frameType, verdict, outcome, reason, rxInfo } = frame;
  const best = bestReception(receptionsOf(rxInfo));
  const by = best === undefined ? "" : `, heard by ${best.gatewayId} at ${best.rssi ?? "?"} dBm`;
  const result = textOfMember(verdict) ?? textOfMember(outcome) ?? "";
  const why = textOfMember(reason);
  return `Last frame: ${textOfMember(frameType) ?? "?"}, ${result}${why === undefined ? "" : ` (${why})`}${by}.`;
}

function Reading({ content }: { readonly content: Members }) {
  const { object, data, fPort } = content;
  if (object !== undefined) return <JsonView value={object} label="decoded reading" />;
  return (
    <Text size="sm" component="div">
      Payload <Code>{textOfMember(data) ?? "nothing"}</Code> (base64) on port {numberOfMember(fPort) ?? 0}. Give the
      profile a codec, and it is decoded.
    </Text>
  );
}
