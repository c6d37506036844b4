namespace AMQP.Net;

/// <summary>tx.select: publishes and acknowledgements of the channel wait for a commit (specification 1.9.2.1).</summary>
public readonly record struct TxSelect : IMethod<TxSelect>
{
    public static MethodId Id => MethodId.TxSelect;

    public static TxSelect Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>tx.select-ok (specification 1.9.2.2).</summary>
public readonly record struct TxSelectOk : IMethod<TxSelectOk>
{
    public static MethodId Id => MethodId.TxSelectOk;

    public static TxSelectOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>tx.commit (specification 1.9.2.3).</summary>
public readonly record struct TxCommit : IMethod<TxCommit>
{
    public static MethodId Id => MethodId.TxCommit;

    public static TxCommit Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>tx.commit-ok (specification 1.9.2.4).</summary>
public readonly record struct TxCommitOk : IMethod<TxCommitOk>
{
    public static MethodId Id => MethodId.TxCommitOk;

    public static TxCommitOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>tx.rollback: forgets what the transaction published and acknowledged; nothing is redelivered by it (specification 1.9.2.5).</summary>
public readonly record struct TxRollback : IMethod<TxRollback>
{
    public static MethodId Id => MethodId.TxRollback;

    public static TxRollback Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>tx.rollback-ok (specification 1.9.2.6).</summary>
public readonly record struct TxRollbackOk : IMethod<TxRollbackOk>
{
    public static MethodId Id => MethodId.TxRollbackOk;

    public static TxRollbackOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}
