// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {Account, Accounts} from "../libraries/Accounts.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {Keys} from "../libraries/Keys.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {RewardTree} from "../libraries/RewardTree.sol";
import {IIncome, ISettlement, Modules} from "../interfaces/Modules.sol";
import {Transitions} from "../libraries/Transitions.sol";
import {Batch} from "../Types.sol";
import {Checkpoints} from "./Checkpoints.sol";
import {Ledger} from "./Ledger.sol";

/// @notice One claim: the cumulative reward of a key under the final root.
struct Claim {
    uint32 key;
    uint128 cumulative;
    bytes proof;
}

/// @title Settlement: the immutable core. A payer settles a whole tab in one call; contributors claim what the batches earned them.
/// @notice No owner, no upgrade, no pause. Specification: docs/settlement.md, whose sentences the invariants are named after.
contract Settlement is Checkpoints, Multicall {
    using Accounts for Account;

    /// @notice Most bytes of leaves in one batch (8,192 steps).
    uint256 public constant MAX_LEAVES = 24_576;

    IIncome public immutable datanets;
    IIncome public immutable staking;
    address public immutable audit;
    address public immutable governor;

    /// @dev Of keys that are no persons' (People.Person).
    mapping(uint32 key => uint256) private _claimed;
    mapping(uint256 batch => bool) public penalised;

    constructor(Modules memory m) Ledger(m.edge) Checkpoints(m.rules, m.models, m.splitter, m.treasury) {
        datanets = m.datanets;
        staking = m.staking;
        audit = m.audit;
        governor = m.governor;
        syncRules();
    }

    // ---- settling

    /// @notice Pays for a whole tab on one model, whatever the number of replies and contributors.
    /// @param model the model that answered; @param host who served it, 0 for the payer's own device; @param amount wei to share out.
    /// @param nonce the payer's next batch number: settling again after a crash, in a second tab or after a reorganisation fails.
    /// @param transcripts commitment to the receipts, opened only if the batch is drawn for audit.
    /// @param leaves weights in the form of the Leaves library; empty for a private batch, which pays by static units.
    /// @return id the batch's number; the reward roots follow this order.
    function settle(uint32 model, uint32 host, uint96 amount, uint32 nonce, bytes32 transcripts, bytes calldata leaves)
        external
        returns (uint256 id)
    {
        Head memory head = _head;
        if (amount == 0) revert Errors.ZeroAmount();
        if (model == 0 || model > head.models) revert Errors.UnknownModel();
        if (host > head.people) revert Errors.UnknownContributor();
        id = uint256(head.batches) + 1;
        uint256 lock;
        bytes32 leavesHash;
        if (leaves.length != 0) {
            if (leaves.length % Leaves.STEP != 0 || leaves.length > MAX_LEAVES) revert Errors.MalformedLeaves();
            (uint256 last,) = Leaves.measure(leaves);
            if (last > uint256(head.people) + 1) revert Errors.UnknownContributor();
            leavesHash = keccak256(leaves);
            lock = uint256(amount) * head.penalty;
        }
        Account memory a = _load(msg.sender);
        if (nonce != a.nonce) revert Errors.WrongNonce(a.nonce);
        a.spend(amount, lock);
        _save(msg.sender, a);
        // 40 bits last 34,000 years at a batch a second.
        // forge-lint: disable-next-line(unsafe-typecast)
        _head.batches = uint40(id);
        chain = Transitions.hash(
            chain,
            keccak256(
                abi.encode(Batch(msg.sender, uint40(block.timestamp), head.rules, model, host, amount, transcripts, leavesHash))
            )
        );
        // The leaves are in the log because calldata alone may hide: a contract can make them up on the way.
        emit Events.Settled(msg.sender, model, id, host, amount, nonce, transcripts, leaves);
    }

    /// @notice Takes up to `amount` from a payer for a proven fault in a batch: a tenth to the prover, so that convicting oneself
    /// saves next to nothing, the rest to the treasury. Only the audit contract, once for each batch.
    function penalise(uint256 id, Batch calldata batch, uint256 amount, address prover) external returns (uint256 taken) {
        if (msg.sender != audit) revert Errors.NotAllowed();
        if (penalised[id]) revert Errors.AlreadyDone();
        penalised[id] = true;
        Account memory a = _load(batch.payer);
        taken = a.seize(amount, batch.time / AUDIT_EPOCH);
        _save(batch.payer, a);
        _credit(prover, taken / 10);
        _credit(treasury, taken - taken / 10);
        emit Events.Penalised(id, batch.payer, prover, taken);
    }

    // ---- claiming

    /// @notice Pays a key what it earned since its last claim. Anyone may call it; the money goes where the key says.
    /// @return amount 0 when all was claimed before, so that claiming twice is harmless.
    function claim(uint32 key, uint128 cumulative, bytes calldata proof) public returns (uint256 amount) {
        if (RewardTree.root(key, cumulative, proof) != finalRoot) revert Errors.WrongPath();
        uint32 kind = Keys.kind(key);
        uint256 before;
        address to;
        if (kind == Keys.PERSON) {
            Person storage person = _persons[key];
            (to, before) = (person.owner, person.claimed);
            // What lies above stays: a revert would stop the other claims of the same call.
            if (cumulative > type(uint96).max) cumulative = type(uint96).max;
            if (cumulative <= before) return 0;
            // Two lines above.
            // forge-lint: disable-next-line(unsafe-typecast)
            person.claimed = uint96(cumulative);
        } else {
            before = _claimed[key];
            if (cumulative <= before) return 0;
            _claimed[key] = cumulative;
            if (kind == Keys.MODEL) to = models.ownerOf(Keys.id(key));
        }
        unchecked {
            amount = cumulative - before;
        }
        if (kind <= Keys.MODEL) {
            emit Events.Claimed(key, to, amount);
            // Who cannot take the coin finds it in the prepaid balance, so that one claim among several never stops the others.
            if (!_pay(to, amount)) _credit(to, amount);
        } else if (key == Keys.TREASURY) {
            emit Events.Claimed(key, treasury, amount);
            _credit(treasury, amount);
        } else {
            IIncome module = kind == Keys.DATANET ? datanets : staking;
            emit Events.Claimed(key, address(module), amount);
            _credit(address(module), amount);
            module.onIncome(key, amount);
        }
    }

    /// @notice What a key was paid so far.
    function claimed(uint32 key) external view returns (uint256) {
        return Keys.kind(key) == Keys.PERSON ? _persons[key].claimed : _claimed[key];
    }

    function claimMany(Claim[] calldata claims) external returns (uint256 amount) {
        for (uint256 i; i < claims.length; ++i) amount += claim(claims[i].key, claims[i].cumulative, claims[i].proof);
    }

    // ---- rules and models

    /// @notice Takes over the version of the rules that is due. Anyone may call it.
    function syncRules() public {
        (_head.rules, _head.penalty) = rules.inForce();
        emit Events.RulesInForce(_head.rules);
    }

    function rulesInForce() external view returns (uint16) {
        return _head.rules;
    }

    function admitModel() external returns (uint32 id) {
        if (msg.sender != address(models)) revert Errors.NotAllowed();
        id = ++_head.models;
        if (id > Keys.ID_MASK) revert Errors.OutOfBounds("models");
    }

    // ---- inside

    function _isModule(address caller) internal view override returns (bool) {
        return caller == address(models) || caller == address(datanets) || caller == address(staking) || caller == audit
            || caller == governor;
    }
}
