using System.Buffers;
using Amqp.Core.Policies;
using Amqp.Core.Topology;
using Amqp.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace Amqp.Storage.Metadata;

/// <summary>
/// The file <c>definitions.log</c>, open for appending. Used by one thread. Beside it lies a reserve, a file that is given up when
/// the disk is full: a broker that holds publishers back for that must still be able to start, and to declare queues.
/// </summary>
internal sealed class DefinitionsFile : IDisposable
{
    /// <summary>Room for some thousand definitions.</summary>
    private const int ReserveBytes = 1 << 20;

    private readonly string _path;
    private readonly string _reservePath;
    private bool _hasReserve;
    private SafeFileHandle _file;
    private long _length;

    public DefinitionsFile(string path)
    {
        _path = path;
        _reservePath = path + ".reserve";
        _hasReserve = File.Exists(_reservePath);
        var isNew = !File.Exists(path);
        _file = Open(path);
        _length = RandomAccess.GetLength(_file);
        // A new file is nowhere until the directory that names it has been flushed.
        if (isNew) DurableFiles.FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Cuts off what stands behind the last whole line.</summary>
    /// <returns>How many bytes that was.</returns>
    public long CutAt(long length)
    {
        var cut = _length - length;
        if (cut > 0) RandomAccess.SetLength(_file, length);
        _length = length;
        return cut;
    }

    /// <summary>Appends lines and returns when they are on disk.</summary>
    public void Append(ReadOnlyMemory<byte> lines)
    {
        try
        {
            RandomAccess.Write(_file, lines.Span, _length);
        }
        catch (IOException exception) when (DiskFull.Is(exception) && TryGiveUpReserve())
        {
            // Nothing of it was flushed, so that it may be written again.
            RandomAccess.Write(_file, lines.Span, _length);
        }
        RandomAccess.FlushToDisk(_file);
        _length += lines.Length;
        if (!_hasReserve) MakeReserve();
    }

    /// <summary>Writes what is live into a file beside this one. While this fails nothing has happened.</summary>
    /// <returns>How many definitions that are.</returns>
    public int WriteSuccessor(TopologySnapshot topology, long opened)
    {
        var count = 0;
        DurableFiles.WriteSuccessor(_path, file =>
        {
            var line = new ArrayBufferWriter<byte>();
            DefinitionRecord.OfOpening(opened).WriteTo(line);
            file.Write(line.WrittenSpan);
            foreach (var definition in Live(topology))
            {
                count++;
                line.ResetWrittenCount();
                DefinitionRecord.Of([definition]).WriteTo(line);
                file.Write(line.WrittenSpan);
            }
        });
        return count;
    }

    /// <summary>Goes on in the file that <see cref="WriteSuccessor"/> wrote.</summary>
    public void Succeed()
    {
        DurableFiles.Succeed(_path);
        _file.Dispose();
        _file = Open(_path);
        _length = RandomAccess.GetLength(_file);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Everything durable, as the changes that make it out of the initial topology: what bindings lead to and whom
    /// permissions are given to comes before them.</summary>
    public static IEnumerable<TopologyChange> Live(TopologySnapshot topology)
    {
        foreach (var user in topology.Users.Values) yield return new UserChanged(user);
        foreach (var (name, value) in topology.GlobalParameters) yield return new GlobalParameterChanged(name, value);
        foreach (var initial in TopologySnapshot.Initial.VirtualHosts.Values)
        {
            if (topology.Find(initial.Name) is null) yield return new VhostRemoved(initial);
        }
        foreach (var vhost in topology.VirtualHosts.Values)
        {
            yield return new VhostChanged(vhost.Name, vhost.Metadata, vhost.Limits);
            foreach (var (user, permissions) in vhost.Permissions) yield return new PermissionsChanged(vhost.Name, user, permissions);
            foreach (var ((user, exchange), permissions) in vhost.TopicPermissions)
                yield return new TopicPermissionsChanged(vhost.Name, user, exchange, permissions);
            foreach (var kind in Enum.GetValues<PolicyKind>())
            {
                foreach (var policy in vhost.Policies.Of(kind).Values) yield return new PolicyChanged(vhost.Name, kind, policy.Name, policy);
            }
            foreach (var exchange in vhost.Exchanges.Values)
            {
                if (exchange.Durable && !exchange.IsPredeclared) yield return new ExchangeAdded(exchange);
            }
            foreach (var queue in vhost.Queues.Values)
            {
                if (queue.Durable) yield return new QueueAdded(queue);
            }
            foreach (var binding in vhost.Bindings.All)
            {
                if (vhost.IsDurable(binding)) yield return new BindingAdded(vhost.Name, binding, Durable: true);
            }
        }
    }

    private bool TryGiveUpReserve()
    {
        if (!_hasReserve) return false;
        File.Delete(_reservePath);
        _hasReserve = false;
        return true;
    }

    private void MakeReserve()
    {
        try
        {
            using var reserve = new FileStream(_reservePath, FileMode.Create, FileAccess.Write, FileShare.None);
            reserve.Write(new byte[ReserveBytes]);
            reserve.Flush(flushToDisk: true);
            _hasReserve = true;
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            File.Delete(_reservePath);
        }
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
}
