// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Params, Source} from "../Types.sol";

/// @notice Every event. Together they are enough to rebuild all that the contracts know.
library Events {
    // people
    event ContributorRegistered(uint32 indexed id, address indexed owner);
    event ContributorOffered(uint32 indexed id, address indexed to);
    event ContributorMoved(uint32 indexed id, address indexed owner);
    event ContributorDelegated(uint32 indexed id, address indexed delegate, bool allowed);
    // money
    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event Moved(address indexed from, address indexed to, uint256 amount);
    event Settled(
        address indexed payer,
        uint32 indexed model,
        uint256 id,
        uint32 host,
        uint96 amount,
        uint32 nonce,
        bytes32 transcripts,
        bytes leaves
    );
    event Penalised(uint256 indexed batch, address indexed payer, address indexed prover, uint256 amount);
    // reward roots
    event CheckpointPosted(
        uint256 indexed id, uint256 indexed parent, address indexed poster, uint32 posterId, uint256 last, bytes32[] roots
    );
    event RefutationCommitted(address indexed watcher, bytes32 commitment);
    event ReplayAdvanced(uint256 indexed checkpoint, uint256 index, uint256 cursor, bytes32 root);
    event CheckpointRefuted(uint256 indexed id, uint256 index, address indexed by);
    event RefutationPaid(uint256 indexed id, address indexed to, uint256 amount);
    event CheckpointFinalised(uint256 indexed id, bytes32 root, uint256 last);
    event BondReleased(uint256 indexed id, address indexed poster, uint256 amount);
    event Claimed(uint32 indexed key, address indexed to, uint256 amount);
    // rules
    event RulesSet(uint256 indexed version, uint256 since, Params params);
    event RulesInForce(uint16 indexed version);
    // registries
    event DatanetCreated(uint32 indexed id, address indexed curator, string name);
    event DatanetPublished(uint32 indexed id, uint32 indexed version, bytes32 root, uint64 rows, string location);
    event UnitsGranted(uint32 indexed id, uint32 indexed contributor, uint64 units, uint64 total);
    event CuratorOffered(uint32 indexed id, address indexed to);
    event CuratorMoved(uint32 indexed id, address indexed curator);
    event DatanetIncome(uint32 indexed id, uint256 amount);
    event DatanetCollected(uint32 indexed id, uint32 indexed contributor, uint256 amount);
    event ModelRegistered(
        uint32 indexed id, address indexed owner, uint32 indexed base, uint32 parent, bytes32 hash, bytes32 manifest,
        bytes32 index, Source[] sources
    );
    event ModelTerms(uint32 indexed id, uint96 price, uint96 allowance, uint8 status, string location);
    event ModelOffered(uint32 indexed id, address indexed to);
    event ModelMoved(uint32 indexed id, address indexed owner);
    event ModelHost(uint32 indexed id, uint32 indexed host, bool serves, string location);
    // stakes
    event Staked(uint32 indexed pool, address indexed staker, uint256 amount);
    event Unbonding(uint32 indexed pool, address indexed staker, uint256 shares, uint256 until);
    event Unstaked(uint32 indexed pool, address indexed staker, uint256 amount);
    event PoolIncome(uint32 indexed pool, uint256 amount);
    event PoolCollected(uint32 indexed pool, address indexed staker, uint256 amount);
    event Slashed(uint32 indexed pool, address indexed staker, address indexed prover, uint256 amount);
    // audits
    event DrawClosed(uint256 indexed epoch, uint256 beaconBlock);
    event DrawSeeded(uint256 indexed epoch, bytes32 seed);
    event Revealed(uint256 indexed batch, uint256 record, bytes32 query, bytes lists, bytes entries, bytes sealed_);
    event Forfeited(uint256 indexed batch);
    event Convicted(uint256 indexed batch, address indexed prover, bytes32 fault);
    event JuryCalled(uint256 indexed batch, uint256 round, address[] jurors);
    event VerdictCommitted(uint256 indexed batch, address indexed juror, bytes32 commitment);
    event VerdictRevealed(uint256 indexed batch, address indexed juror, bool guilty);
    event JuryConcluded(uint256 indexed batch, bool guilty);
    // governance
    event ProposalFeePaid(uint256 indexed proposalId, address indexed proposer, uint256 amount);
    event ProposalFeeSettled(uint256 indexed proposalId, address indexed to, uint256 amount);
}
