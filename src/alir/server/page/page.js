// The page: its parts, put together.

import "./asking.js";
import * as picture from "./picture.js";
import * as sources from "./sources.js";

await Promise.all([picture.load(), sources.list()]);
