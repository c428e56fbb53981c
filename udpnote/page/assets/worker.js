/**
 * The service worker, over HTTPS only. It keeps the files of the page, so that the page opens when its server does not answer.
 *
 * It asks the server first, so that a new version of the page is used at once. It leaves requests to /api alone: the notebook
 * keeps the notes, and the outbox keeps what waits.
 */

/** The name of the browser's cache for these files. */
const CACHE = "udpnote-page";

/** How long the service worker waits for the server before it answers with a file that it has kept. */
const ANSWER_SECONDS_MAX = 3;

const FILES = ["/", ...[
  "page.css", "page.js", "api.js", "author.js", "code_form.js", "composer.js", "database.js", "dom.js", "entries.js",
  "first_requests.js", "live.js", "menus.js", "note.js", "note_list.js", "notebook.js", "outbox.js", "overtaking.js",
  "scroll_place.js", "search.js", "sender.js", "settings.js", "sheets.js", "tabs.js", "taking_back.js", "telling.js",
  "timeline.js", "times.js", "waiting.js", "words.js", "writing.js", "words.zh_CN.js", "words.zh_TW.js",
  "manifest.webmanifest", "icon.svg", "icon-192.png", "icon-512.png",
].map((name) => `/static/${name}`)];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin || !FILES.includes(pathname)) return;
  event.respondWith(answer(event.request, pathname));
});

/** Return the server's answer, and keep it. If the server does not answer soon, return the answer that was kept last. */
async function answer(request, pathname) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(ANSWER_SECONDS_MAX * 1000) });
    await response.clone().blob(); // fails if the server falls silent before the end
    if (response.ok) await cache.put(pathname, response.clone()).catch(() => {}); // the browser may have no room for it
    return response;
  } catch (error) {
    const kept = await cache.match(pathname);
    if (kept) return kept;
    throw error;
  }
}
