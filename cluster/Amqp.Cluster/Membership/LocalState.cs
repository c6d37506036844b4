using System.Buffers;

namespace Amqp.Cluster.Membership;

/// <summary>What this node knows of its membership at this moment, for what it answers to nodes that ask. Written by its start, and then by the loop that follows the members.</summary>
internal sealed class LocalState
{
    private readonly LocalNode _self;
    private readonly string _bootstrap;
    private MembershipFile _file;
    private volatile bool _isReady;
    private volatile bool _isOpen;
    private volatile uint _epoch;

    /// <param name="bootstrap">Token of the cluster that this node is to begin with others; empty: it is not.</param>
    /// <exception cref="ClusterException">What the node remembers cannot be read.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public LocalState(LocalNode self, string bootstrap) => (_self, _bootstrap, _file) = (self, bootstrap, MembershipFile.ReadOrNew(self.Folder));

    public MembershipFile File => Volatile.Read(ref _file);

    /// <summary>Etcd answers, and this node is a member.</summary>
    public bool IsReady
    {
        get => _isReady;
        set => _isReady = value;
    }

    /// <summary>It has registered as running, with <see cref="Epoch"/>.</summary>
    public bool IsOpen
    {
        get => _isOpen;
        set => _isOpen = value;
    }

    public uint Epoch
    {
        get => _epoch;
        set => _epoch = value;
    }

    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public void Save(MembershipFile file)
    {
        file.Write(_self.Folder);
        Volatile.Write(ref _file, file);
    }

    /// <summary>What a node is answered.</summary>
    /// <exception cref="InvalidDataException">It asks for something else.</exception>
    public byte[] Answer(ReadOnlySequence<byte> question)
    {
        if (!question.ToArray().AsSpan().SequenceEqual(NodeAnswer.Question)) throw new InvalidDataException("it asks what this version does not know");
        var file = File;
        return new NodeAnswer(_self.Name, Epoch, file.Directory, _self.Address.ToString(), _self.Options.Port, _bootstrap, file.Token, IsReady, IsOpen, file.Members).ToBytes();
    }
}
