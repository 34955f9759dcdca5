import type { ComponentChildren } from 'preact'
import { hrefOf, type ViewName, views } from './address.ts'
import type { ConnectionState } from './connection.ts'
import icon from './icon.svg'
import { Icon } from './icon.tsx'
import { clockTime } from './printed.ts'
import { Shortcuts } from './shortcuts.tsx'
import { ThemeSwitch } from './theme.tsx'

const titles: Record<ViewName, string> = { now: 'Now', requests: 'Requests', jobs: 'Jobs' }

const stateWords: Record<ConnectionState['state'], string> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost',
}

/** A frame of another page shows a view without the head: `?bare` in the address. */
const isBare = new URLSearchParams(location.search).has('bare')

interface FrameProps {
  readonly view: ViewName
  readonly connection: ConnectionState
  readonly warnings: number
  readonly children: ComponentChildren
}

/** The frame of the page: its head with the views, and what is said when the connection is lost. */
export function Frame({ view, connection, warnings, children }: FrameProps) {
  const { state, heardAt } = connection
  return (
    <>
      {!isBare && (
        <>
          <button type="button" class="skip" onClick={toMain}>
            Skip to the view
          </button>
          <header class="top">
            <p class="wordmark">
              <img src={icon} alt="" width="24" height="24" />
              Afterword
            </p>
            <nav class="views" aria-label="Views">
              {views.map((name) => (
                <a key={name} href={hrefOf(name)} aria-current={name === view ? 'page' : undefined}>
                  {titles[name]}
                  {name === 'now' && warnings > 0 && (
                    <span class="badge">
                      {warnings}
                      <span class="visually-hidden"> {warnings === 1 ? 'warning' : 'warnings'}</span>
                    </span>
                  )}
                </a>
              ))}
            </nav>
            <div class="tools">
              <p class="live" data-state={state} role="status">
                {stateWords[state]}
              </p>
              <ThemeSwitch />
              <Shortcuts />
            </div>
          </header>
        </>
      )}
      {state === 'lost' && (
        <p class="away" role={isBare ? 'status' : undefined}>
          <Icon name="warning" />
          The server does not answer.{heardAt !== undefined && ` What you see is of ${clockTime(heardAt)}.`} The page
          tries again until it does.
        </p>
      )}
      <main id="main" tabIndex={-1} class={isBare ? 'bare' : undefined}>
        {children}
      </main>
    </>
  )
}

/** Moves the focus to the view. The address has no room for a link there: behind its `#` is the view. */
function toMain(): void {
  document.getElementById('main')?.focus()
}
