// The page: its parts, put together.

import * as asking from "./asking.js";
import * as sources from "./sources.js";

await Promise.all([asking.choose(), sources.list()]);
