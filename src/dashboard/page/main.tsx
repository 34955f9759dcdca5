import { render } from 'preact'
import './style/base.css'
import './style/frame.css'
import './style/now.css'
import './style/requests.css'
import './style/jobs.css'
import { Dashboard } from './dashboard.tsx'

// At an address without a slash at its end, links to views would lead to another document: the one with a slash shows the same, and needs no base.
const base = document.querySelector('base')
if (base !== null) {
  history.replaceState(null, '', base.href + location.search + location.hash)
  base.remove()
}

render(<Dashboard />, document.getElementById('page')!)
