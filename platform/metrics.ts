import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Every metric of the program, in one place, so that names and labels stay in one style. */
export function createMetrics() {
  const registry = new Registry();
  const counter = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter<Label>({ name: `upchirp_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name: `upchirp_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const histogram = <Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly Label[] = [],
  ) =>
    new Histogram<Label>({
      name: `upchirp_${name}`,
      help,
      buckets: [...buckets],
      labelNames: [...labelNames],
      registers: [registry],
    });

  return {
    registry,
    /** Adds memory, CPU and event-loop figures of the process; not in tests, which make many registries. */
    watchProcess: () => collectDefaultMetrics({ register: registry }),

    gatewayDatagrams: counter("gateway_datagrams_total", "Gateway datagrams by identifier.", ["type"]),
    gatewayRefused: counter("gateway_refused_total", "Gateway packets refused, by reason.", ["reason"]),
    gatewayOddities: counter("gateway_oddities_total", "Gateway packets that break their protocol, by kind.", ["kind"]),
    receptions: counter("receptions_total", "Frame copies accepted from gateways."),
    receptionsRefused: counter("receptions_refused_total", "Frame copies refused before matching, by reason.", [
      "reason",
    ]),
    gatewaysOnline: gauge("gateways_online", "Registered gateways that are online."),

    uplinks: counter("uplinks_total", "Distinct uplink frames by verdict.", ["verdict"]),
    joins: counter("joins_total", "Join-requests by result.", ["result"]),
    rejoins: counter("rejoins_total", "Rejoin-requests by result.", ["result"]),
    lateCopies: counter("late_copies_total", "Frame copies that came after their window had closed."),
    heldFrames: counter("held_frames_total", "Frame copies that a gateway had held back, too old to be answered."),
    copies: histogram("frame_copies", "Copies merged into one uplink.", [1, 2, 3, 4, 6, 8, 12, 16]),

    downlinks: counter("downlinks_total", "Downlink frames by result.", ["result"]),
    downlinkAttempts: counter("downlink_attempts_total", "Transmissions asked of gateways, by outcome.", ["outcome"]),
    downlinksNotScheduled: counter(
      "downlinks_not_scheduled_total",
      "Transmissions that were not asked of a gateway, by reason: no time left, its radio or its duty cycle is taken.",
      ["reason"],
    ),
    downlinkAirtime: counter("downlink_airtime_seconds_total", "Air time of downlinks, by sub-band in MHz.", [
      "sub_band",
    ]),
    downlinkLead: histogram(
      "downlink_lead_seconds",
      "Time between handing a downlink to a gateway and its start on the air.",
      [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4],
    ),
    macCommands: counter("mac_commands_total", "MAC commands by direction and name.", ["direction", "name"]),

    framesLeftOut: counter(
      "frames_left_out_total",
      "Frames that those who look into the radio traffic do not see because too many came at once, by where they were left out.",
      ["where"],
    ),

    adrScriptRuns: counter("adr_script_runs_total", "Runs of users' ADR algorithms, by result.", ["result"]),

    storeConflicts: counter("store_conflicts_total", "Commits that another commit overtook."),
    storeFaults: counter("store_faults_total", "Store operations that failed."),
    storeCommitSeconds: histogram(
      "store_commit_seconds",
      "Time until a commit of a device was durable, those before it included that it waited for.",
      [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),

    events: counter("events_total", "Events delivered to integrations, by kind.", ["kind"]),
    eventsSkipped: counter("events_skipped_total", "Event records that no integration gets, by reason.", ["reason"]),
    sinkFailures: counter("sink_failures_total", "Deliveries that a sink refused and that are tried again, by sink.", [
      "sink",
    ]),
    integrationDeliveries: counter(
      "integration_deliveries_total",
      "Messages handed to receivers of integrations, by kind of integration and outcome.",
      ["kind", "outcome"],
    ),
    integrationDeliverySeconds: histogram(
      "integration_delivery_seconds",
      "Time until a receiver of an integration answered, by kind.",
      [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      ["kind"],
    ),
    integrationQueueMessages: gauge("integration_queue_messages", "Messages that wait in queues of integrations.", [
      "kind",
    ]),
    integrationQueueBytes: gauge("integration_queue_bytes", "Bytes that wait in queues of integrations.", ["kind"]),
    integrationQueueAge: gauge("integration_queue_age_seconds", "How long the longest has waited.", ["kind"]),
    integrationCircuitsOpen: gauge("integration_circuits_open", "Integrations whose receiver is away.", ["kind"]),
    integrationDeadLetters: counter("integration_dead_letters_total", "Messages that became dead letters, by reason.", [
      "kind",
      "reason",
    ]),
    integrationOverflow: counter(
      "integration_overflow_total",
      "Messages beyond an integration's limits, by what became of them.",
      ["kind", "fate"],
    ),
    historyRows: counter("history_rows_total", "Events and frames that the history has taken, by what they are.", [
      "what",
    ]),
    historyLeftOut: counter(
      "history_left_out_total",
      "Events and frames that are missing in the history, by what they are and why.",
      ["what", "reason"],
    ),
    eventsUnobserved: counter(
      "events_unobserved_total",
      "Events that alerts or device twins went without, since the database refuses a value in them.",
    ),
    twinReports: counter("twin_reports_total", "Decoded uplinks taken into device twins, by result.", ["result"]),
    twinDownlinks: counter("twin_downlinks_total", "Downlinks made for device twins, by what became of them.", [
      "result",
    ]),
    coapRequests: counter("coap_requests_total", "CoAP requests, by the code that they were answered with.", ["code"]),
    coapNotifications: counter("coap_notifications_total", "Messages to CoAP observers, by type.", ["type"]),
    alertNotifications: counter("alert_notifications_total", "Messages about alerts given to integrations.", [
      "transition",
    ]),
    codecRuns: counter("codec_runs_total", "Codec runs by result.", ["result"]),
    codecSuspensions: counter(
      "codec_suspensions_total",
      "Codecs that were suspended because they kept running too long.",
    ),
    commandsRefused: counter("commands_refused_total", "Downlink commands refused, by reason.", ["reason"]),
    mqttDropped: counter(
      "mqtt_dropped_total",
      "Messages for clients of the broker inside that were dropped because too many waited.",
    ),
    mqttRefused: counter("mqtt_refused_total", "MQTT connections, publishes and subscriptions refused.", ["what"]),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
