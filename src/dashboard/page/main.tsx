import { render } from 'preact'
import './style/base.css'
import './style/frame.css'
import './style/now.css'
import './style/requests.css'
import './style/jobs.css'
import { Dashboard } from './dashboard.tsx'

render(<Dashboard />, document.getElementById('page')!)
