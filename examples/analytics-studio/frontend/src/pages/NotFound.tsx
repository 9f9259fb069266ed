import { Empty } from '../components/States';
import { Link } from '../router';

export default function NotFound() {
  return (
    <Empty title="There is no such page">
      <Link to="/">Go to the dashboard</Link>
    </Empty>
  );
}
