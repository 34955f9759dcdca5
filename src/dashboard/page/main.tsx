import { render } from 'preact'
import './style/base.css'
import './style/frame.css'
import { ThemeSwitch } from './theme.tsx'

render(<ThemeSwitch />, document.getElementById('page')!)
