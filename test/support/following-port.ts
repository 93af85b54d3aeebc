import { openUdpPort } from "../../simulators/datagram.ts";

/** A gateway's way to a server whose port changes when it is started again on a free one. */
export function followingPort(portNow: () => number): ReturnType<typeof openUdpPort> {
  let port = portNow();
  let listener: (bytes: Uint8Array) => void = () => {};
  let current = openUdpPort({ host: "127.0.0.1", port });
  const follow = () => {
    if (portNow() === port) return current;
    port = portNow();
    current.close();
    current = openUdpPort({ host: "127.0.0.1", port });
    current.onMessage(bytes => listener(bytes));
    return current;
  };
  current.onMessage(bytes => listener(bytes));
  return {
    send: bytes => follow().send(bytes),
    onMessage(added) {
      listener = added;
    },
    close: () => current.close(),
  };
}
