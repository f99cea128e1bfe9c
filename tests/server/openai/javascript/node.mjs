import OpenAI from "openai";
import * as programs from "./using.mjs";
const [program, options] = process.argv.slice(2);
console.log(JSON.stringify(await programs[program](OpenAI, JSON.parse(options))));
