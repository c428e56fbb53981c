/**
 * The first two requests to the page's server. The browser loads this module before the others, and the requests are sent at once:
 * so the notes are there when the page can show them.
 */

import { FIRST_NOTES, filtersIn, notesPath, request } from "./api.js";

const PATHS = ["/api/state", notesPath(filtersIn(location.search), { limit: FIRST_NOTES })];

/** A promise of the answer for each path, until `answerTo` has used it. */
const answers = new Map(PATHS.map((path) => [path, request(path)]));
for (const answer of answers.values()) answer.catch(() => {}); // nothing to report: after a failure, `answerTo` asks again

/**
 * Return the server's answer for `path`. The answer to a first request is used once, if the request has succeeded. Otherwise this
 * sends a new request. Throws a `Failure`.
 */
export async function answerTo(path) {
  const first = answers.get(path);
  answers.delete(path);
  return (await first?.catch(() => null)) ?? request(path);
}

/** Forget the first answers: from now on they are too old. */
export function forgetFirstAnswers() {
  answers.clear();
}
