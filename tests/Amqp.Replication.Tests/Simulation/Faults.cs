namespace Amqp.Replication.Tests.Simulation;

/// <summary>What goes wrong in a run, and how much of it.</summary>
internal sealed class Faults(SimCluster simulation)
{
    private readonly double _rate = simulation.Scheduler.Random.NextDouble() * 0.3;
    private long _end;

    private Scheduler Scheduler => simulation.Scheduler;

    private SimNetwork Network => simulation.Network;

    public void Begin(long end)
    {
        _end = end;
        var random = Scheduler.Random;
        (Network.LossRate, Network.DoubleRate) = random.Next(3) == 0 ? (random.NextDouble() * 0.1, random.NextDouble() * 0.1) : (0, 0);
        Network.DelayMsMax = random.Next(3) == 0 ? 100 : 5;
        simulation.Store.LossRate = random.Next(2) == 0 ? random.NextDouble() * 0.3 : 0;
        simulation.Store.WatchMsMax = random.Next(2) == 0 ? 2_000 : 50;
        foreach (var node in simulation.Nodes) node.Disk.FlushMsMax = random.Next(4) == 0 ? 100 : 4;
        Scheduler.After(1_000, Next);
    }

    /// <summary>Everything works from now on.</summary>
    public void Mend()
    {
        simulation.Trace.Add("", "everything is mended");
        (Network.LossRate, Network.DoubleRate, Network.DelayMsMax) = (0, 0, 5);
        Heal();
        (simulation.Store.IsReachable, simulation.Store.LossRate, simulation.Store.WatchMsMax) = (true, 0, 50);
        foreach (var node in simulation.Nodes)
        {
            (node.Disk.IsFull, node.Disk.FlushMsMax) = (false, 4);
            if (!node.IsUp) Start(node);
            else if (node.IsPaused) node.Resume();
        }
    }

    private void Next()
    {
        if (Scheduler.Now >= _end) return;
        if (Scheduler.Chance(_rate)) Happen(Scheduler.Pick(simulation.Nodes));
        Scheduler.After(100, Next);
    }

    private void Happen(SimNode node)
    {
        switch (Scheduler.Random.Next(11))
        {
            case 0 or 1 when node.IsUp:
                Stop(node);
                Scheduler.After(0, 8_000, () => Start(node));
                break;
            case 2 when node.IsUp:
                Stop(node);
                if (MayReplace(node)) Replace(node);
                Scheduler.After(0, 8_000, () => Start(node));
                break;
            case 3 when node is { IsUp: true, IsPaused: false }:
                node.Pause();
                if (Scheduler.Chance(0.3)) Scheduler.After(0, 4_000, () => TellEnded(node.Name, node.Self.Boot));
                Scheduler.After(0, 8_000, () =>
                {
                    if (node.IsUp && node.IsPaused) node.Resume();
                });
                break;
            case 4:
                Cut(node.Name, oneWay: Scheduler.Chance(0.3));
                break;
            case 5:
                Heal();
                break;
            case 6:
                node.Disk.IsFull = true;
                Scheduler.After(0, 3_000, () => node.Disk.IsFull = false);
                break;
            case 7:
                simulation.Store.IsReachable = false;
                Scheduler.After(0, 6_000, () => simulation.Store.IsReachable = true);
                break;
            case 8 when node is { IsUp: true, IsPaused: false }:
                var to = Scheduler.Pick(simulation.Nodes).Name;
                simulation.Trace.Add(node.Name, $"is to hand over to {to}, if it leads");
                node.Step(() => node.HandOver(to));
                if (Scheduler.Chance(0.5)) Scheduler.After(0, 500, () =>
                {
                    if (node.IsUp) node.Step(node.CancelHandOver);
                });
                break;
            case 9:
                WantOthers();
                break;
            case 10 when simulation.Scheduler.Chance(0.2):
                foreach (var each in simulation.Nodes.Where(each => each.IsUp)) Stop(each);
                foreach (var each in simulation.Nodes) Scheduler.After(0, 3_000, () => Start(each));
                break;
        }
    }

    private void WantOthers()
    {
        var nodes = simulation.Nodes.Where(_ => Scheduler.Chance(0.7)).Select(node => node.Name).ToArray();
        var min = Scheduler.Random.Next(1, 3);
        foreach (var node in simulation.Nodes.Where(node => node.IsUp && node.Replica.Role == ReplicaRole.Leader))
        {
            // A leader is taken out by handing over first.
            string[] wanted = [node.Name, .. nodes.Where(other => other != node.Name)];
            simulation.Trace.Add(node.Name, $"is to have the replicas {string.Join(' ', wanted)}, at least {min} in sync");
            node.Step(() => node.Replica.Want([.. wanted], Math.Min(min, wanted.Length)));
        }
    }

    private void Stop(SimNode node)
    {
        var boot = node.Self.Boot;
        node.Stop();
        if (Scheduler.Chance(0.5)) Scheduler.After(0, 300, () => Gone(node));
        Tell(node.Name, isUp: false);
        if (Scheduler.Chance(0.5)) TellEnded(node.Name, boot);

        void Gone(SimNode gone)
        {
            if (!gone.IsUp) simulation.Store.Expire(gone.Name);
        }
    }

    private void Start(SimNode node)
    {
        if (node.IsUp) return;
        node.Start();
        Tell(node.Name, isUp: true);
    }

    /// <summary>A disk may be lost as long as another copy in sync is left: the promise is for one.</summary>
    private bool MayReplace(SimNode node) =>
        simulation.Store.Current!.InSync.Any(member => member.Node != node.Name && simulation.Node(member.Node).Disk.Directory == member.Directory)
        && !simulation.Store.Current.InSync.Any(member => simulation.Node(member.Node).Disk.Directory != member.Directory)
        && !simulation.Store.IsBusy;

    private void Replace(SimNode node)
    {
        simulation.Trace.Add(node.Name, "gets an empty disk");
        node.Disk.Replace();
    }

    private void Cut(string node, bool oneWay)
    {
        string[] others = [.. simulation.Nodes.Select(each => each.Name).Append("etcd").Where(other => other != node && Scheduler.Chance(0.6))];
        simulation.Trace.Add(node, $"is cut off from {string.Join(' ', others)}{(oneWay ? " in one direction" : "")}");
        foreach (var other in others)
        {
            Network.Cut(node, other);
            if (!oneWay) Network.Cut(other, node);
        }
        Scheduler.After(0, 500, () => TellLinks(isUp: false));
        if (Scheduler.Chance(0.3)) Scheduler.After(0, 4_000, () => TellEnded(node, simulation.Node(node).Self.Boot));
        Scheduler.After(0, 6_000, Heal);
    }

    private void Heal()
    {
        Network.Heal();
        TellLinks(isUp: true);
    }

    private void TellLinks(bool isUp)
    {
        foreach (var node in simulation.Nodes.Where(node => node.IsUp))
        {
            foreach (var other in simulation.Nodes.Where(other => other != node && other.IsUp))
            {
                if (isUp || Network.IsCut(node.Name, other.Name) || Network.IsCut(other.Name, node.Name))
                    node.Step(() => node.Replica.LinkChanged(other.Name, isUp, Scheduler.Now + 1_000));
            }
        }
    }

    /// <summary>True of a node that was stopped. One that stands still or is cut off is taken for ended, too, when its lease ends; whether it has ended is for no one to know.</summary>
    private void TellEnded(string about, long boot)
    {
        foreach (var node in simulation.Nodes.Where(node => node.IsUp && node.Name != about))
            Scheduler.After(0, 300, () => node.Step(() => node.Replica.NodeEnded(about, boot, Scheduler.Now + 1_000)));
    }

    private void Tell(string about, bool isUp)
    {
        foreach (var node in simulation.Nodes.Where(node => node.IsUp && node.Name != about))
            Scheduler.After(0, 300, () => node.Step(() => node.Replica.LinkChanged(about, isUp, Scheduler.Now + 1_000)));
    }
}
