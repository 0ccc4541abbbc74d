export default function HomePage() {
  return <p>soon</p>;
}
