/**
 * The first two requests to the page's server. They are sent when this module is loaded, which is before the other modules are:
 * so the notes are there when the page can show them.
 */

import { FIRST_NOTES, filtersIn, notesPath, request } from "./api.js";

const PATHS = ["/api/state", notesPath(filtersIn(location.search), { limit: FIRST_NOTES })];

/** The answers by their paths; `answerTo` removes them. */
const answers = new Map(PATHS.map((path) => [path, request(path)]));
for (const answer of answers.values()) answer.catch(() => {}); // `answerTo` asks again

/** The server's answer for `path`: the one to the first request, the first time, and later that to a new one. Raises `Failure`. */
export async function answerTo(path) {
  const first = answers.get(path);
  answers.delete(path);
  return (await first?.catch(() => null)) ?? request(path);
}

/** Forget the first answers: from now on they are too old. */
export function forgetFirstAnswers() {
  answers.clear();
}
