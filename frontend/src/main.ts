import './style/fonts.css';
import './style/tokens.css';
import './style/base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { Actions } from './input/actions';
import { Session } from './net/session';
import { loadPreferences } from './store/preferences';
import { ui } from './store/ui.svelte';
import { installHook } from './testhook';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no #app');

// Everything is relative to where the page lies, so that a proxy may serve the console below a path.
const session = new Session(new URL('./', document.baseURI), new URLSearchParams(location.search).get('swarm'));
const actions = new Actions(session);
loadPreferences();
ui.kiosk = new URLSearchParams(location.search).has('kiosk');
// The first drones are under way while the panels are being built.
session.start();
installHook(actions);
mount(App, { target, props: { actions } });
