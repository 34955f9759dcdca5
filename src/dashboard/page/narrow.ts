import { useEffect, useState } from 'preact/hooks'

const query = matchMedia('(max-width: 46rem)')

/** Tells whether the page is narrow, as the styles have it. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(query.matches)
  useEffect(() => {
    const follow = () => setNarrow(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])
  return isNarrow
}
