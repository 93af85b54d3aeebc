import { Alert, Box, Button, FileButton, Stack, Text } from "@mantine/core";
import { IconPhoto } from "@tabler/icons-react";
import { BarcodeDetector } from "qr/decode.js";
import { useEffect, useRef, useState } from "react";

export interface ScanProps {
  /** Called once, with the text of the first code that is seen. */
  readonly onText: (text: string) => void;
}

const betweenLooksMs = 150;
const detector = new BarcodeDetector();

async function codeIn(image: ImageBitmapSource): Promise<string | undefined> {
  const [code] = await detector.detect(image);
  return code?.rawValue;
}

/** Reads a QR code by the camera or from a picture. Nothing leaves the browser but the text. */
export default function Scan({ onText }: ScanProps) {
  const [fault, setFault] = useState<string>();
  const read = async (file: File | null): Promise<void> => {
    if (file === null) return;
    try {
      const text = await codeIn(await createImageBitmap(file));
      if (text === undefined) setFault("No QR code was found in the picture. Take it from nearer, and straight on.");
      else onText(text);
    } catch {
      setFault("The picture could not be read.");
    }
  };
  return (
    <Stack>
      {fault !== undefined && (
        <Alert color="red" role="alert">
          {fault}
        </Alert>
      )}
      <Camera onText={onText} />
      <FileButton accept="image/*" onChange={file => void read(file)}>
        {button => (
          <Button {...button} variant="default" leftSection={<IconPhoto size={16} />}>
            Read it from a picture
          </Button>
        )}
      </FileButton>
    </Stack>
  );
}

type CameraState = "opening" | "looking" | "refused" | "impossible";

const texts: Readonly<Record<Exclude<CameraState, "looking">, string>> = {
  opening: "Your browser asks whether the camera may be used.",
  refused: "The camera cannot be used: there is none, or you have not allowed it.",
  impossible: "Browsers open the camera only for pages that came over https, or from this machine.",
};

function Camera({ onText }: ScanProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<CameraState>("mediaDevices" in navigator ? "opening" : "impossible");
  const told = useRef(onText);
  told.current = onText;
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    const end = new AbortController();
    void watch(
      end.signal,
      () => video.current,
      setState,
      text => told.current(text),
    );
    return () => end.abort();
  }, []);
  return (
    <Box>
      {state !== "looking" && <Text size="sm">{texts[state]}</Text>}
      {state !== "refused" && state !== "impossible" && (
        <video
          ref={video}
          muted
          playsInline
          aria-label="What the camera sees"
          style={{ width: "100%", borderRadius: 8 }}
        />
      )}
    </Box>
  );
}

/** Looks through the camera until a code is seen or the signal ends it. */
async function watch(
  signal: AbortSignal,
  element: () => HTMLVideoElement | null,
  tell: (state: CameraState) => void,
  onText: (text: string) => void,
): Promise<void> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    tell("refused");
    return;
  }
  try {
    const video = element();
    if (video === null || signal.aborted) return;
    video.srcObject = stream;
    await video.play();
    tell("looking");
    while (!signal.aborted) {
      // A picture that cannot be read yet is one without a code.
      const text = await codeIn(video).catch(() => undefined);
      if (signal.aborted) return;
      if (text !== undefined) {
        onText(text);
        return;
      }
      await new Promise(resolve => setTimeout(resolve, betweenLooksMs));
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}
