'use strict';
// Replaces sections as the server sends changes.
(() => {
  const root = document.documentElement;
  const connection = document.getElementById('connection');
  const pause = document.getElementById('pause');
  let source = null;
  let paused = false;
  let pending = [];

  const show = (state, text) => {
    connection.dataset.state = state;
    // Without a connection there is nothing to pause. The focus stays while the page reconnects on Resume.
    pause.disabled = state === 'lost';
    if (connection.textContent !== text) connection.textContent = text;
  };

  // Keeps what the reader did to a section: focus, opened and scrolled tables, the chosen version.
  const replace = (name, html) => {
    const place = document.querySelector(`[data-section="${name}"]`);
    if (!place) return;
    const active = document.activeElement;
    const focused = active !== place && place.contains(active) ? active.id : '';
    const chosen = place.value;
    const opened = [...place.querySelectorAll('details[open][id]')].map((one) => one.id);
    const scrolled = [...place.querySelectorAll('.scroll[id]')].map((one) => [one.id, one.scrollLeft]);
    place.innerHTML = html;
    for (const id of opened) document.getElementById(id)?.setAttribute('open', '');
    for (const [id, left] of scrolled) {
      const one = document.getElementById(id);
      if (one) one.scrollLeft = left;
    }
    if (chosen && [...place.options].some((one) => one.value === chosen)) place.value = chosen;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const connect = () => {
    if (source || paused || document.hidden) return;
    pending = [];
    source = new EventSource(`events?after=${encodeURIComponent(root.dataset.frame)}`);
    source.addEventListener('open', () => show('live', 'Live'));
    source.addEventListener('section', (event) => pending.push(JSON.parse(event.data)));
    source.addEventListener('frame', (event) => {
      for (const { section, html } of pending) replace(section, html);
      pending = [];
      root.dataset.frame = event.data;
      document.dispatchEvent(new CustomEvent('frame', { detail: event.data }));
    });
    source.addEventListener('error', () => {
      pending = [];
      show('lost', 'Connection lost. Showing the last state; reconnecting.');
      // A browser does not reconnect by itself after an error such as 503.
      if (source.readyState === EventSource.CLOSED) {
        disconnect();
        setTimeout(connect, 10000);
      }
    });
  };

  const disconnect = () => {
    source?.close();
    source = null;
  };

  // A hidden page needs no updates.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) disconnect();
    else connect();
  });
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
    if (paused) {
      disconnect();
      show('paused', 'Paused');
    } else {
      show('waiting', 'Connecting');
      connect();
    }
  });
  pause.hidden = false;
  pause.disabled = true;
  connect();

  const form = document.getElementById('actions');
  const result = document.getElementById('result');
  let busy = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    delete result.dataset.outcome;
    result.textContent = 'Waiting for the model server …';
    try {
      // `form.action` would be the buttons, which have that name.
      const answer = await fetch(form.getAttribute('action'), {
        method: 'POST',
        headers: { Accept: 'text/plain' },
        body: new URLSearchParams(new FormData(form, event.submitter)),
      });
      result.textContent = await answer.text() || `The monitor answered ${answer.status}.`;
      result.dataset.outcome = answer.ok ? 'done' : 'refused';
    } catch {
      result.textContent = 'The monitor does not answer. Check that it is running.';
      result.dataset.outcome = 'refused';
    } finally {
      busy = false;
    }
  });
})();
