// Caches the page and its models, so that the page works without a network. The build writes `files.json`: the list of
// files, and a version that changes with the content of any file.

const name = "rnn-zoo";

async function keep() {
  const response = await fetch("files.json", { cache: "no-store" });
  const { version, files } = await response.json();
  const cache = await caches.open(`${name}-${version}`);
  // Bypasses the HTTP cache, which could mix the files of two versions.
  await cache.addAll(["./", ...files].map((file) => new Request(file, { cache: "reload" })));
  const others = (await caches.keys()).filter((key) => key.startsWith(`${name}-`) && key !== `${name}-${version}`);
  await Promise.all(others.map((key) => caches.delete(key)));
}

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") {
    event.respondWith(caches.match(event.request, { ignoreSearch: true }).then((kept) => kept ?? fetch(event.request)));
  }
});
