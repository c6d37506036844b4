using Amqp.Cluster.Etcd;

namespace Amqp.Cluster.Tests.Etcd;

/// <summary>What is kept of etcd's log, and what is made of it.</summary>
public sealed class EtcdLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etcd-log-").FullName;

    private string LogFile => Path.Combine(_folder, "etcd.log");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Only_the_last_run_is_looked_at()
    {
        File.WriteAllText(LogFile, "bind: address already in use\n");
        var log = new EtcdLog(LogFile);
        log.Begin();
        File.AppendAllText(LogFile, "write: no space left on device\n");
        Assert.That((log.Tail(), log.Explain(code: 1)), Is.EqualTo(("write: no space left on device", "The disk is full: make room. Nothing is lost.")));
        Assert.That(log.Explain(code: 137), Does.Contain("killed"));
    }

    [Test]
    public void A_long_log_is_cut_while_etcd_writes_to_it()
    {
        var log = new EtcdLog(LogFile);
        log.Begin();
        using var writer = new StreamWriter(new FileStream(LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) { AutoFlush = true };
        writer.Write(new string('x', 11 << 20));
        log.Cut();
        Assert.That((new FileInfo(LogFile).Length, new FileInfo($"{LogFile}.1").Length), Is.EqualTo((0, 11 << 20)));
    }

    [Test]
    public void A_log_that_is_not_there_says_so() => Assert.That(new EtcdLog(LogFile).Tail(), Does.Contain("cannot be read"));
}
