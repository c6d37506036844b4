using Amqp.Testing;

namespace Amqp.Durability.Tests;

/// <summary>The broker is killed in the midst of its work.</summary>
[Same]
public sealed class KillUnderLoadTests : KillRounds
{
    [Test]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed() => Kill(rounds: 5);

    [Test, Category("Long")]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed_a_hundred_times() => Kill(rounds: 100);

    private Task Kill(int rounds) =>
        Kill("kill under load", rounds, _ => Task.CompletedTask, (life, _) => life.KillAndRestart(), _ => Task.FromResult(""));
}
