'use strict';
// Replaces the sections that have changed since the page was made, as the events bring them.
(() => {
  const root = document.documentElement;
  const connection = document.getElementById('connection');
  const pause = document.getElementById('pause');
  let source = null;
  let paused = false;
  let pending = [];

  const say = (state, text) => {
    connection.dataset.state = state;
    if (connection.textContent !== text) connection.textContent = text;
  };

  // What a reader has done to a section stays: focus, opened tables, scrolled tables, the choice.
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
    source.addEventListener('open', () => say('live', 'Live'));
    source.addEventListener('section', (event) => pending.push(JSON.parse(event.data)));
    source.addEventListener('frame', (event) => {
      for (const { section, html } of pending) replace(section, html);
      pending = [];
      root.dataset.frame = event.data;
      document.dispatchEvent(new CustomEvent('frame', { detail: event.data }));
    });
    source.addEventListener('error', () => {
      pending = [];
      say('lost', 'Connection lost: this is the last state; trying again');
      // A browser gives up after an answer that is no stream, such as 503.
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

  // A page that nobody sees costs nothing.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) disconnect();
    else connect();
  });
  // Nothing moves under the eyes of somebody who reads.
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
    if (paused) {
      disconnect();
      say('paused', 'Paused: this stays as it is');
    } else {
      say('waiting', 'Connecting');
      connect();
    }
  });
  pause.hidden = false;
  connect();

  const form = document.getElementById('actions');
  const result = document.getElementById('result');
  let asking = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (asking) return;
    asking = true;
    delete result.dataset.outcome;
    result.textContent = 'Asking the model server …';
    try {
      // `form.action` would be its buttons, which have that name.
      const answer = await fetch(form.getAttribute('action'), {
        method: 'POST',
        headers: { Accept: 'text/plain' },
        body: new URLSearchParams(new FormData(form, event.submitter)),
      });
      result.textContent = await answer.text() || `The monitor answers ${answer.status}.`;
      result.dataset.outcome = answer.ok ? 'done' : 'refused';
    } catch {
      result.textContent = 'The monitor does not answer.';
      result.dataset.outcome = 'refused';
    } finally {
      asking = false;
    }
  });
})();
