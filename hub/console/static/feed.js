// The live feed: one connection, and a watch on the silence between its events.

const STALE_MS = 30000;
const RETRY_MS = 3000;

export function listen(handlers, onState) {
  let heard = performance.now();
  let stale = false;
  let source = null;

  function hear() {
    heard = performance.now();
    if (stale) { stale = false; onState("live"); }
  }

  function connect() {
    source = new EventSource("/api/v1/feed");
    source.addEventListener("open", () => { hear(); onState("live"); });
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => { hear(); handle(JSON.parse(event.data)); });
    }
    source.addEventListener("error", () => {
      if (!stale) onState("lost");
      if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(comeBack, RETRY_MS); }
    });
  }

  async function comeBack() {
    const response = await fetch("/api/v1/health", { signal: AbortSignal.timeout(10000) }).catch(() => null);
    if (response && response.status === 401) location.assign("/login");
    else connect();
  }

  setInterval(() => {
    if (!stale && performance.now() - heard > STALE_MS) { stale = true; onState("stale"); }
  }, 500);
  connect();
}
