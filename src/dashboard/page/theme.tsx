import { useEffect, useState } from 'preact/hooks'
import { Icon } from './icon.tsx'

const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]

const words: Record<Theme, string> = { auto: 'as the system has it', light: 'light', dark: 'dark' }
const key = 'afterword-theme'

/** Reads the theme that was chosen here before. A frame may have no storage. */
function storedTheme(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? 'auto'
  } catch {
    return 'auto'
  }
}

function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(key, theme)
  } catch {
    // The choice lasts as long as the page.
  }
}

/** A button that goes from theme to theme. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme)
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
  }, [theme])
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!
  const choose = () => {
    storeTheme(next)
    setTheme(next)
  }
  return (
    <button type="button" class="plain square" data-key="t" onClick={choose} title={`Colours: ${words[theme]}`}>
      <Icon name={theme} />
      <span class="visually-hidden">
        Colours: {words[theme]}. Change to: {words[next]}
      </span>
    </button>
  )
}
