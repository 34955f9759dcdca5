import { useEffect, useState } from 'preact/hooks'

/** Renders again while something goes on: some times a second, once a second for those who want no motion, and never while the page is hidden. */
export function useTicks(isLive: boolean): void {
  const [, setTick] = useState(0)
  useEffect(() => {
    if (!isLive) return
    const pause = matchMedia('(prefers-reduced-motion: reduce)').matches ? 1000 : 66
    const timer = setInterval(() => {
      if (!document.hidden) setTick((tick) => tick + 1)
    }, pause)
    return () => clearInterval(timer)
  }, [isLive])
}
