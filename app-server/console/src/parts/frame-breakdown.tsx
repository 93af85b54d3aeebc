import { Alert, Badge, Box, Code, Group, Stack, Table, Text, Title } from "@mantine/core";
import type { Schemas } from "../../../../client/client.ts";
import { bytesOfBase64, hexOf } from "../api/bytes.ts";
import { frequencyText, type Reception, receptionsOf, transmissionOf } from "../api/radio.ts";
import { PageLink } from "./links.tsx";

export type ExplainedFrame = Schemas["DeviceFrame"] | Schemas["GatewayFrame"];
type Breakdown = NonNullable<ExplainedFrame["breakdown"]>;

const micColors: Readonly<Record<Breakdown["mic"]["kind"], string>> = {
  fits: "teal",
  "half fits": "yellow",
  "does not fit": "red",
  "not checked": "gray",
};

/** A frame field by field, who heard it or was asked to send it, and what became of it. */
export function FrameBreakdown({ explained }: { readonly explained: ExplainedFrame }) {
  const { frame, why, breakdown } = explained;
  const isGood = frame.verdict === "accepted" || frame.outcome === "sent";
  const { modulation, frequencyHz } = transmissionOf(frame.txInfo);
  return (
    <Stack gap="md" p="sm">
      <Alert color={isGood ? "teal" : "orange"} variant="light" p="xs">
        {why}
      </Alert>
      <Group gap="lg">
        <Fact name="Time" value={new Date(frame.time).toLocaleString()} />
        {frequencyHz !== undefined && <Fact name="Frequency" value={frequencyText(frequencyHz)} />}
        {modulation !== "" && <Fact name="Modulation" value={modulation} />}
        {frame.delayMs !== undefined && <Fact name="After the uplink" value={`${frame.delayMs} ms`} />}
        {frame.queueItemId !== undefined && <Fact name="Queue item" value={frame.queueItemId} />}
      </Group>
      {frame.rxInfo !== undefined && <Receptions receptions={receptionsOf(frame.rxInfo)} />}
      {frame.attempts !== undefined && frame.attempts.length > 0 && <Attempts attempts={frame.attempts} />}
      {breakdown === null ? (
        <Text size="sm">The bytes are no frame of LoRaWAN.</Text>
      ) : (
        <Fields breakdown={breakdown} />
      )}
      <Box>
        <Part title="PHYPayload" />
        <Code
          block
          fz="xs"
          tabIndex={0}
          role="region"
          aria-label="PHYPayload"
          style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}
        >
          {hexOf(bytesOfBase64(frame.phyPayload))}
        </Code>
      </Box>
    </Stack>
  );
}

const Part = ({ title }: { readonly title: string }) => (
  <Title order={3} size="h6" mb={4}>
    {title}
  </Title>
);

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <Box>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {value}
      </Text>
    </Box>
  );
}

function Receptions({ receptions }: { readonly receptions: readonly Reception[] }) {
  return (
    <Box>
      <Part title={receptions.length === 1 ? "Heard by one gateway" : `Heard by ${receptions.length} gateways`} />
      <Table.ScrollContainer minWidth={420}>
        <Table aria-label="Receptions" verticalSpacing={4} fz="sm">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Gateway</Table.Th>
              <Table.Th ta="right">RSSI</Table.Th>
              <Table.Th ta="right">SNR</Table.Th>
              <Table.Th ta="right">Channel</Table.Th>
              <Table.Th ta="right">Antenna</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="numbers">
            {receptions.map(({ gatewayId, rssi, snr, channel, antenna }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: one gateway can be there with several antennas, in this order
              <Table.Tr key={index}>
                <Table.Td>
                  <PageLink to="/gateways/$gatewayId" params={{ gatewayId }} className="mono" size="sm">
                    {gatewayId}
                  </PageLink>
                </Table.Td>
                <Table.Td ta="right">{rssi === undefined ? "" : `${rssi} dBm`}</Table.Td>
                <Table.Td ta="right">{snr === undefined ? "" : `${snr} dB`}</Table.Td>
                <Table.Td ta="right">{channel}</Table.Td>
                <Table.Td ta="right">{antenna}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Box>
  );
}

function Attempts({ attempts }: { readonly attempts: NonNullable<ExplainedFrame["frame"]["attempts"]> }) {
  return (
    <Box>
      <Part title="Gateways that were asked to send it" />
      <Table aria-label="Attempts" verticalSpacing={4} fz="sm">
        <Table.Tbody>
          {attempts.map(({ gatewayId, window, status }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: attempts are in the order in which they were made
            <Table.Tr key={index}>
              <Table.Td className="mono">{gatewayId}</Table.Td>
              <Table.Td>{window}</Table.Td>
              <Table.Td>
                <Badge color={status === "OK" ? "teal" : "red"}>{status}</Badge>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}

function Fields({ breakdown }: { readonly breakdown: Breakdown }) {
  const { title, bytes, fields, mic, fCnt, commands, payload } = breakdown;
  return (
    <Stack gap="md">
      <Box>
        <Part title={`${title}, ${bytes} bytes`} />
        <Table aria-label="Fields" verticalSpacing={4} fz="sm" layout="fixed">
          <Table.Tbody>
            {fields.map(({ name, value, note }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: fields are in the order of the frame, and names come twice
              <Table.Tr key={index}>
                <Table.Th w={130} fw={500}>
                  {name}
                </Table.Th>
                <Table.Td style={{ overflowWrap: "anywhere" }}>
                  <span className="mono">{String(value)}</span>
                  {note !== undefined && (
                    <Text span size="xs" c="dimmed" ml="xs">
                      {note}
                    </Text>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
            {fCnt !== undefined && (
              <Table.Tr>
                <Table.Th fw={500}>FCnt, 32 bits</Table.Th>
                <Table.Td className="mono">{fCnt}</Table.Td>
              </Table.Tr>
            )}
            <Table.Tr>
              <Table.Th fw={500}>MIC</Table.Th>
              <Table.Td>
                <Badge color={micColors[mic.kind]} mr="xs">
                  {mic.kind}
                </Badge>
                <Text span size="xs" c="dimmed">
                  {mic.detail}
                </Text>
              </Table.Td>
            </Table.Tr>
          </Table.Tbody>
        </Table>
      </Box>
      {commands !== undefined && commands.length > 0 && <Commands commands={commands} />}
      {payload !== undefined && (
        <Box>
          <Part title="Payload in the clear" />
          <Code
            block
            fz="xs"
            tabIndex={0}
            role="region"
            aria-label="Payload in the clear"
            style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}
          >
            {payload.hex}
            {payload.text !== undefined && `\n${JSON.stringify(payload.text)}`}
          </Code>
        </Box>
      )}
    </Stack>
  );
}

function Commands({ commands }: { readonly commands: NonNullable<Breakdown["commands"]> }) {
  return (
    <Box>
      <Part title="MAC commands" />
      <Table aria-label="MAC commands" verticalSpacing={4} fz="sm" layout="fixed">
        <Table.Tbody>
          {commands.map(({ name, cid, fields }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: commands are in the order of the frame, and one may come twice
            <Table.Tr key={index}>
              <Table.Th w={190} fw={500}>
                {name}{" "}
                <Text span size="xs" c="dimmed" className="mono">
                  0x{cid.toString(16).padStart(2, "0")}
                </Text>
              </Table.Th>
              <Table.Td className="mono" style={{ overflowWrap: "anywhere" }}>
                {Object.entries(fields)
                  .map(([field, value]) => `${field} ${value}`)
                  .join(", ")}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}
