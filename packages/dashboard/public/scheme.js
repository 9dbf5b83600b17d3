// Before the first paint, so that a dark page is never light first.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('scheme');
  } catch {}
  const dark =
    chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.mantineColorScheme = dark ? 'dark' : 'light';
})();
