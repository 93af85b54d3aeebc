import { forceRejoinReq } from "../../../lorawan/mac/force-rejoin.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(forceRejoinReq, fields => ({
  period: fields.number("Period"),
  maxRetries: fields.number("MaxRetries"),
  rejoinType: fields.number("RejoinType"),
  dataRate: fields.number("DR"),
}));
