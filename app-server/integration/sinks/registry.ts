import { amqpSink } from "./amqp.ts";
import { amqp1Sink } from "./amqp1.ts";
import { cassandraSink } from "./cassandra.ts";
import { emailSink } from "./email.ts";
import { httpSink } from "./http.ts";
import { influxdbSink } from "./influxdb.ts";
import { kafkaSink } from "./kafka.ts";
import type { SinkKind } from "./kind.ts";
import { mongodbSink } from "./mongodb.ts";
import { mqttSink } from "./mqtt.ts";
import { mysqlSink } from "./mysql.ts";
import { natsSink } from "./nats.ts";
import { postgresSink } from "./postgres.ts";
import { redisStreamsSink } from "./redis-streams.ts";
import { thingsboardSink } from "./thingsboard.ts";

/** Every kind of sink, in the order of the documentation. */
export const sinkKinds: readonly SinkKind[] = [
  httpSink,
  mqttSink,
  amqpSink,
  amqp1Sink,
  kafkaSink,
  natsSink,
  redisStreamsSink,
  postgresSink,
  mysqlSink,
  influxdbSink,
  thingsboardSink,
  mongodbSink,
  cassandraSink,
  emailSink,
];
