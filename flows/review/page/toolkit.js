// SPDX-License-Identifier: Apache-2.0
// The one door to the toolkit: preact draws, htm writes elements as templates. Text in a template is always text, never markup.
import htm from "./vendor/htm.js";
import { h, render } from "./vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "./vendor/hooks.js";

const html = htm.bind(h);

export { html, render, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState };
