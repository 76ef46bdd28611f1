'use strict';
const $ = id => document.getElementById(id);
const KEY = 'datakit-review';
const store = (place, name, value) => {
  try {
    if (value === undefined) return place.getItem(KEY + name);
    if (value === null) place.removeItem(KEY + name); else place.setItem(KEY + name, value);
  } catch { /* a browser that keeps nothing: only the answer on its way is not kept */ }
  return null;
};
// the secret comes after the #, which browsers send to nobody, and leaves the address at once
if (location.hash.length > 1) {
  store(sessionStorage, '-token', location.hash.slice(1));
  history.replaceState(null, '', location.pathname);
}
const token = store(sessionStorage, '-token') || '';
let assessor = store(sessionStorage, '-name') || '';
let state = null, item = null, at = 0, busy = false, beside = false;

async function ask(path, body) {
  const reply = await fetch(path, {
    method: body ? 'POST' : 'GET', cache: 'no-store',
    headers: {'X-Token': token, ...(body ? {'Content-Type': 'application/json'} : {})},
    body: body ? JSON.stringify(body) : undefined,
  });
  const value = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(value.error || reply.statusText), {status: reply.status});
  return value;
}

// control, zero-width and direction characters as code points, so that nothing hides in a text
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const plain = text => text.replace(HIDDEN, c => '⟨U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '⟩');

function set(id, text, language) {
  const node = $(id);
  node.textContent = plain(text);
  node.lang = language || '';
  node.hidden = !text;
}

function show() {
  const total = state.total, done = state.done;
  document.title = `${done} of ${total} · labelling`;
  const bar = document.querySelector('.bar');
  bar.setAttribute('aria-valuenow', done);
  bar.setAttribute('aria-valuemax', total);
  bar.firstElementChild.style.inlineSize = `${total ? 100 * done / total : 0}%`;
  $('count').textContent = `${assessor}: ${done} of ${total} graded` + (item ? ` · pair ${at + 1}` : '');
  $('about').textContent = [item.level, item.form, item.language].filter(Boolean).join(' · ');
  set('query', item.query, item.language);
  set('context', item.context, item.passage_language);
  const passage = $('passage');
  passage.lang = item.passage_language;
  passage.replaceChildren(...item.pieces.map(([text, marked]) => {
    if (!marked) return document.createTextNode(plain(text));
    const mark = document.createElement('mark');
    mark.textContent = plain(text);
    return mark;
  }));
  set('cut', item.cut ? `${item.cut} more characters are not shown.` : '');
  set('before', beside ? item.before : '', item.passage_language);
  set('after', beside ? item.after : '', item.passage_language);
  if (beside && !item.before) set('before', '(the document begins here)');
  if (beside && !item.after) set('after', '(the document ends here)');
  $('ids').textContent = plain(`${item.query_id} · ${item.passage_id}`);
  $('beside').setAttribute('aria-pressed', beside);
  for (const button of $('grades').children)
    button.setAttribute('aria-pressed', button.dataset.key === item.grade);
  document.querySelector('[data-key=u]').disabled = !state.can_undo;
}

function problem(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

function page(name) {
  for (const id of ['who', 'work', 'end']) $(id).hidden = id !== name;
  if (name === 'who') $('name').focus();
}

async function go(to) {
  at = Math.max(0, Math.min(to, state.total - 1));
  item = await ask(`/api/item?at=${at}&assessor=${encodeURIComponent(assessor)}`);
  page('work');
  show();
  scrollTo(0, 0);
}

const open_ = from => {
  const n = state.total;
  for (let i = 0; i < n; i++) if (!state.grades[(from + i) % n]) return (from + i) % n;
  return -1;
};

async function on(from) {
  const next = open_(from);
  if (next >= 0) return go(next);
  $('thanks').textContent = state.total
    ? `${state.total} of ${state.total} pairs are graded and saved. You can close this page; in the terminal, Ctrl-C ends the server and adds the grades to the dataset.`
    : 'There is no pair for you in this batch.';
  document.title = 'All graded · labelling';
  $('again').hidden = !state.total;
  page('end');
}

// an answer is kept here until the server says that it is on the disk
async function send(answer) {
  store(localStorage, '-pending', JSON.stringify(answer));
  $('saved').textContent = 'saving …';
  for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
    try {
      state = await ask('/api/answer', answer);
      break;
    } catch (error) {
      if (error.status && error.status !== 507) {
        $('saved').textContent = '';
        if (error.status !== 401) store(localStorage, '-pending', null);
        throw error;
      }
      problem(error.status ? error.message : 'The server does not answer. This grade is not saved yet; it is kept here and sent as soon as the server is back.');
      await new Promise(done => setTimeout(done, wait));
    }
  }
  store(localStorage, '-pending', null);
  problem('');
  $('saved').textContent = 'saved';
}

const selected = () => {
  const chosen = getSelection();
  if (!chosen.rangeCount || chosen.isCollapsed) return '';
  const inside = node => $('passage').contains(node);
  return inside(chosen.anchorNode) && inside(chosen.focusNode) ? chosen.toString().trim().slice(0, 4000) : '';
};

async function grade(value) {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const answer = {
    answer_id: [...bytes].map(b => b.toString(16).padStart(2, '0')).join(''), assessor, at,
    query_id: item.query_id, passage_id: item.passage_id, grade: value, snippet: selected(),
  };
  getSelection().removeAllRanges();
  await send(answer);
  await on(at + 1);
}

async function press(key) {
  if (!$('end').hidden) return key === 'ArrowLeft' ? go(state.total - 1) : key === 'u' ? undo() : undefined;
  if ($('work').hidden) return;
  if (key in state.scale || key === '?') return grade(key);
  if (key === 'ArrowLeft') return go(at - 1);
  if (key === 'ArrowRight') return go(at + 1);
  if (key === 'o') return on(at + 1);
  if (key === 'u') return undo();
  if (key === 'n') { beside = !beside; show(); $('passage').scrollIntoView(); }
}

async function undo() {
  if (!state.can_undo) return;
  state = await ask('/api/undo', {assessor});
  $('saved').textContent = 'taken back';
  await go(state.at);
}

// one thing at a time, and keys pressed meanwhile wait their turn
let queue = Promise.resolve();
function act(what) {
  queue = queue.then(what).catch(error => problem(
    error.status === 401 ? 'This page belongs to a server that has ended. Open the new address that the terminal shows; what was not saved is sent from there.'
      : error.status ? error.message : 'The server does not answer: is it still running? Press the key again.'));
  return queue;
}

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target instanceof HTMLInputElement) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!['0', '1', '2', '3', '?', 'u', 'n', 'o', 'ArrowLeft', 'ArrowRight'].includes(key)) return;
  event.preventDefault();
  act(() => press(key));
});
addEventListener('click', event => {
  const button = event.target.closest('button[data-key]');
  if (button) { act(() => press(button.dataset.key)); button.blur(); }
});
$('again').addEventListener('click', () => act(() => go(state.total - 1)));
$('who').addEventListener('submit', event => {
  event.preventDefault();
  assessor = $('name').value.trim();
  act(begin);
});

async function begin() {
  state = await ask(`/api/state?assessor=${encodeURIComponent(assessor)}`);
  store(sessionStorage, '-name', assessor);
  const buttons = [...Object.entries(state.scale), ['?', 'not sure']].map(([key, meaning]) => {
    const button = document.createElement('button'), kbd = document.createElement('kbd'), said = document.createElement('span');
    button.type = 'button';
    button.dataset.key = key;
    kbd.textContent = key;
    said.textContent = button.title = meaning;
    button.append(kbd, said);
    return button;
  });
  $('grades').replaceChildren(...buttons);
  const pending = store(localStorage, '-pending');
  if (pending) {
    try { await send(JSON.parse(pending)); } catch (error) { if (error.status !== 409) throw error; }
  }
  await on(0);
}
if (assessor && token) act(begin); else page('who');
