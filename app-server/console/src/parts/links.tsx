import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Native<Props> = Props &
  Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof Props> & { ref?: Ref<HTMLAnchorElement> };

/** A link to a page of the console, whose path and parameters are checked. */
export const PageLink = createLink((props: Native<AnchorProps>) => <Anchor {...props} />);

/** The same as a button. */
export const PageButton = createLink((props: Native<ButtonProps>) => <Button component="a" {...props} />);
